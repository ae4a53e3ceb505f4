"""The analytics team: revenue per month, what each customer is worth, and a copy of the CRM's customers.

Python 3 with its standard library, its own SQLite database, and plain HTTP to Tidings.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tidings_http import Tidings

TABLES = """
create table if not exists inbox (
  subscription text, generation integer, source text, id text,
  primary key (subscription, generation, source, id)) without rowid;
create table if not exists revenue (month text primary key, orders integer not null, pence integer not null);
create table if not exists customer_value (customer_id text primary key, orders integer not null, pence integer not null);
create table if not exists customers (
  id text primary key, orders integer, spent_pence integer, last_order text, status text,
  version text not null, deleted integer not null);
create table if not exists copies (topic text primary key);
"""

ADD_REVENUE = """insert into revenue values (?, 1, ?)
on conflict (month) do update set orders = orders + 1, pence = pence + excluded.pence"""

ADD_VALUE = """insert into customer_value values (?, 1, ?)
on conflict (customer_id) do update set orders = orders + 1, pence = pence + excluded.pence"""

COPY_CUSTOMER = """insert into customers values (?, ?, ?, ?, ?, ?, ?)
on conflict (id) do update set orders = excluded.orders, spent_pence = excluded.spent_pence,
  last_order = excluded.last_order, status = excluded.status, version = excluded.version, deleted = excluded.deleted
where excluded.version > version"""


class Analytics:
    def __init__(self, tidings, path):
        self.tidings = tidings
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("pragma synchronous = full")
        self.database.executescript(TABLES)
        self.commits = 0
        self.suppressed = 0
        self.delays_ms = []

    @contextmanager
    def transaction(self):
        with self.lock:
            self.database.execute("begin immediate")
            try:
                yield self.database
                self.database.execute("commit")
                self.commits += 1
            except BaseException:
                self.database.execute("rollback")
                raise

    def take_order(self, delivery):
        event = delivery["event"]
        identity = ("analytics.orders", delivery["generation"], event["source"], event["id"])
        # First the row of the inbox, in the same transaction: an order that comes again changes nothing.
        if self.database.execute("insert or ignore into inbox values (?, ?, ?, ?)", identity).rowcount == 0:
            self.suppressed += 1
            return
        order = event["data"]
        self.database.execute(ADD_REVENUE, (order["date"][:7], order["totalPence"]))
        self.database.execute(ADD_VALUE, (order["customerId"], order["totalPence"]))

    def copy_customer(self, event):
        # The version decides, so an older state never wins and the same one changes nothing.
        version = "%010d.%s" % (event.get("sourceepoch", 0), event["sequence"])
        customer = event.get("data", {}) if not event["type"].endswith(".deleted") else {}
        columns = [customer.get(name) for name in ("orders", "spentPence", "lastOrder", "status")]
        deleted = int(event["type"].endswith(".deleted"))
        row = (event["partitionkey"], *columns, version, deleted)
        if self.database.execute(COPY_CUSTOMER, row).rowcount == 0:
            self.suppressed += 1

    def fill_customers(self):
        """Everything that there is, once; the subscription carries on from there."""
        if self.database.execute("select 1 from copies where topic = 'crm.customer'").fetchone():
            return
        for events in self.tidings.latest("crm.customer"):
            with self.transaction():
                for event in events:
                    self.copy_customer(event)
        with self.transaction() as database:
            database.execute("insert into copies values ('crm.customer')")

    def handle(self, deliveries, apply):
        """One transaction for all of them; if one fails, each has its own and only that one is tried again."""
        try:
            with self.transaction():
                for delivery in deliveries:
                    apply(delivery)
            return [{"lease": delivery["lease"], "action": "ack"} for delivery in deliveries]
        except Exception as error:
            print("A batch failed (%r); taking its deliveries one by one." % error, file=sys.stderr)
            return [self.handle_one(delivery, apply) for delivery in deliveries]

    def handle_one(self, delivery, apply):
        try:
            with self.transaction():
                apply(delivery)
            return {"lease": delivery["lease"], "action": "ack"}
        except Exception as error:
            return {"lease": delivery["lease"], "action": "retry", "reason": repr(error)}

    def handle_customers(self, deliveries):
        outcomes = self.handle(deliveries, lambda delivery: self.copy_customer(delivery["event"]))
        now = time.time()
        for delivery in deliveries:
            changed = datetime.fromisoformat(delivery["event"]["time"].replace("Z", "+00:00")).timestamp()
            self.delays_ms.append((now - changed) * 1000)
        return outcomes

    def run_orders(self):
        self.tidings.subscribe("analytics.orders", "sales.order", "beginning", ["sales.order.created"])
        self.tidings.consume("analytics.orders", lambda deliveries: self.handle(deliveries, self.take_order))

    def run_customers(self):
        self.tidings.subscribe("analytics.customers", "crm.customer", "end")
        self.fill_customers()
        self.tidings.consume("analytics.customers", self.handle_customers)

    def status(self):
        return {"outbox": 0, "commits": self.commits, "suppressed": self.suppressed}

    def delays(self):
        """From the change at the CRM to the commit of its copy here."""
        delays = sorted(self.delays_ms) or [0]
        return {"count": len(self.delays_ms), "p50": delays[len(delays) // 2], "p99": delays[len(delays) * 99 // 100]}


def serve_status(analytics, port):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(analytics.status() if self.path == "/status" else analytics.delays())

        def do_POST(self):
            # Delays are measured anew from here on.
            self.answer(analytics.delays())
            analytics.delays_ms = []

        def answer(self, body):
            payload = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def run_or_die(work):
    try:
        work()
    except BaseException as error:
        print("%s failed: %r" % (work.__name__, error), file=sys.stderr, flush=True)
        os._exit(1)


def main():
    tidings = Tidings(os.environ["BROKER_URL"], "analytics")
    analytics = Analytics(tidings, os.environ["DATABASE_FILE"])
    server = serve_status(analytics, int(os.environ.get("PORT", "0")))

    def stop(*_):
        tidings.stopping.set()
        threading.Thread(target=server.shutdown, daemon=True).start()

    def stop_with_stdin():
        sys.stdin.read()
        stop()

    signal.signal(signal.SIGTERM, stop)
    if os.environ.get("STOP_WITH_STDIN") == "1":
        # Ctrl-C reaches every process of the terminal; the one who started us stops us in the right order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=stop_with_stdin, daemon=True).start()
    for work in (analytics.run_orders, analytics.run_customers):
        threading.Thread(target=run_or_die, args=(work,), daemon=True).start()
    print("listening on http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
