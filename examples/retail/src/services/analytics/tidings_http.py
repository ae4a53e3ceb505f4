"""Tidings over plain HTTP: all that a consumer needs, in the standard library of Python 3."""

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

LONGEST_PAUSE_SECONDS = 1.0


class Problem(Exception):
    """An answer of the server that is an error (RFC 9457)."""

    def __init__(self, status, body):
        super().__init__(body.get("detail", "status %d" % status))
        self.status = status
        self.code = body.get("code", "internal")
        self.retryable = body.get("retryable", status >= 500)


class Tidings:
    """One connection for each thread; what failed on the way, or may succeed later, is asked again."""

    def __init__(self, url, principal, namespace="default"):
        self.address = urlsplit(url).netloc
        self.principal = principal
        self.prefix = "/v1/" + namespace
        self.local = threading.local()
        self.stopping = threading.Event()

    def request(self, method, path, body=None):
        pause = 0.02
        while True:
            try:
                return self.request_once(method, path, body)
            except Problem as problem:
                if not problem.retryable or self.stopping.is_set():
                    raise
            except (OSError, http.client.HTTPException):
                self.local.connection = None
                if self.stopping.is_set():
                    raise
            self.stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def request_once(self, method, path, body):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(self.address, timeout=60)
        headers = {"tidings-principal": self.principal}
        payload = None
        if body is not None:
            payload = json.dumps(body)
            headers["content-type"] = "application/json"
        connection.request(method, self.prefix + path, payload, headers)
        response = connection.getresponse()
        text = response.read()
        answer = json.loads(text) if text else {}
        if response.status >= 400:
            raise Problem(response.status, answer)
        return answer

    def subscribe(self, subscription, topic, start, types=None):
        """Creates the subscription, as soon as its topic is there."""
        definition = {"topic": topic, "from": start}
        if types is not None:
            definition["filter"] = {"types": types}
        while not self.stopping.is_set():
            try:
                return self.request("PUT", "/subscriptions/" + subscription, definition)
            except Problem as problem:
                if problem.code != "topic-unknown":
                    raise
                self.stopping.wait(0.1)

    def latest(self, topic):
        """The newest event of every key, then what came meanwhile; complete when the last one was given."""
        cursor, start = "", None
        while cursor is not None:
            page = self.request("GET", "/topics/%s/latest?limit=1000%s" % (topic, cursor))
            start = start or page["from"]
            yield [entry["event"] for entry in page["events"]]
            cursor = "&cursor=" + page["next"] if "next" in page else None
        while True:
            page = self.request("GET", "/topics/%s/events?limit=1000&after=%s" % (topic, start))
            yield [entry["event"] for entry in page["events"]]
            start = page["until"]
            if page["until"] == page["head"]:
                return

    def consume(self, subscription, handle):
        """Hands deliveries to `handle`, which answers one outcome for each, until somebody stops it."""
        path = "/subscriptions/" + subscription
        while not self.stopping.is_set():
            deliveries = self.request("POST", path + "/pull", {"max": 500, "waitMs": 2000, "leaseMs": 2000})["deliveries"]
            if deliveries:
                outcomes = handle(deliveries)
                # A lease that was lost changes nothing: its event comes again and is known then.
                self.request("POST", path + "/settle", {"outcomes": outcomes})
