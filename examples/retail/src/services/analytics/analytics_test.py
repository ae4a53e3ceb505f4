"""What the analytics team promises: python3 -m unittest analytics_test"""

import os
import sqlite3
import tempfile
import unittest

from analytics import Analytics


def order(number, month="2011-01", pence=100, generation=1, source="/sales"):
    data = {"id": "o%d" % number, "date": month + "-05", "customerId": "c1", "totalPence": pence}
    event = {"id": "e%d" % number, "source": source, "type": "sales.order.created", "data": data}
    return {"lease": "l%d" % number, "generation": generation, "event": event}


def customer(version, kind="updated", epoch=0, orders=1):
    data = {"id": "c1", "orders": orders, "spentPence": 5, "lastOrder": "2011-01-05", "status": "active"}
    return {"partitionkey": "c1", "sequence": "%020d" % version, "sourceepoch": epoch, "type": "crm.customer." + kind, "data": data}


class AnalyticsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.analytics = Analytics(None, os.path.join(self.directory.name, "analytics.db"))

    def tearDown(self):
        self.analytics.database.close()
        self.directory.cleanup()

    def take(self, *deliveries):
        return [outcome["action"] for outcome in self.analytics.handle(deliveries, self.analytics.take_order)]

    def copy(self, event):
        with self.analytics.transaction():
            self.analytics.copy_customer(event)
        return self.query("select orders, deleted from customers")[0]

    def query(self, text):
        return self.analytics.database.execute(text).fetchall()

    def test_an_order_that_comes_again_counts_once(self):
        self.assertEqual(self.take(order(1), order(2)), ["ack", "ack"])
        self.assertEqual(self.take(order(2), order(3), order(3)), ["ack", "ack", "ack"])
        self.assertEqual(self.query("select * from revenue"), [("2011-01", 3, 300)])
        self.assertEqual(self.query("select * from customer_value"), [("c1", 3, 300)])
        self.assertEqual(self.analytics.suppressed, 2)

    def test_the_same_id_of_another_source_is_another_order(self):
        self.take(order(1), order(1, source="/other-shop"))
        self.assertEqual(self.query("select orders from revenue"), [(2,)])

    def test_an_order_that_cannot_be_read_is_tried_again_alone(self):
        broken = order(2)
        del broken["event"]["data"]["totalPence"]
        self.assertEqual(self.take(order(1), broken, order(3)), ["ack", "retry", "ack"])
        self.assertEqual(self.query("select * from revenue"), [("2011-01", 2, 200)])
        self.assertEqual(self.take(order(2)), ["ack"])
        self.assertEqual(self.query("select * from revenue"), [("2011-01", 3, 300)])

    def test_what_was_committed_is_still_known_after_a_restart(self):
        self.take(order(1))
        self.analytics.database.close()
        self.analytics = Analytics(None, os.path.join(self.directory.name, "analytics.db"))
        self.take(order(1))
        self.assertEqual(self.query("select orders from revenue"), [(1,)])

    def test_an_older_state_of_a_customer_never_wins(self):
        self.assertEqual(self.copy(customer(2, orders=2)), (2, 0))
        self.assertEqual(self.copy(customer(1, orders=1)), (2, 0))
        self.assertEqual(self.copy(customer(10, orders=10)), (10, 0))
        self.assertEqual(self.copy(customer(1, epoch=1, orders=3)), (3, 0))

    def test_a_deletion_and_an_update_may_come_in_the_wrong_order_and_twice(self):
        self.copy(customer(1))
        for _ in range(2):
            self.assertEqual(self.copy(customer(3, "deleted"))[1], 1)
            self.assertEqual(self.copy(customer(2))[1], 1)

    def test_each_commit_is_on_the_disk(self):
        self.assertEqual(self.query("pragma synchronous"), [(2,)])
        path = os.path.join(self.directory.name, "analytics.db")
        self.take(order(1))
        other = sqlite3.connect(path)
        self.assertEqual(other.execute("select orders from revenue").fetchall(), [(1,)])
        other.close()


if __name__ == "__main__":
    unittest.main()
