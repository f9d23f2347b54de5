"""Tell Bellwether what a model answered: predictions, labels and canaries, by confluent-kafka.

`Reporter` is what a service needs; the rest plays recorded requests through it:

    python produce.py --brokers 127.0.0.1:9092 --requests requests.jsonl --canaries canaries.jsonl
"""

import argparse
import base64
import hashlib
import json
import math
import struct
import sys
import time

from confluent_kafka import Producer

JSON_HEADER = [("content-type", b"application/json")]


class Reporter:
    """Writes to the topics of predictions and labels. One for a process, from any thread."""

    def __init__(self, brokers, predictions="predictions", labels="labels", **properties):
        self.predictions, self.labels = predictions, labels
        self.failed = 0
        # A prediction that is sent again after a broken connection is then still there once.
        properties = {"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 20, **properties}
        self.producer = Producer(properties)

    def predicted(self, event_id, task, embedding, prediction, probabilities, text=None, **more):
        """One answer of one head. `more` may be `model_version`, `encoder_version`, `attributes` or `timestamp`.

        `embedding` is what the head saw: the shared encoder's output, as floats.
        `probabilities` are by label, or a list in the order of the task's labels.
        """
        event = {
            "event_id": event_id,
            "task": task,
            "timestamp": time.time_ns() // 1_000_000,
            "embedding": packed(embedding),
            "prediction": prediction,
            "probabilities": probabilities,
            "text": text,
            **more,
        }
        self._send(self.predictions, event_id, event)

    def labelled(self, event_id, label, **more):
        """The truth of an answer, whenever it is known."""
        event = {"event_id": event_id, "timestamp": time.time_ns() // 1_000_000, "label": label, **more}
        self._send(self.labels, event_id, event)

    def canary(self, event, embedding):
        """A line of `bellwether reference canaries`, with what the production path made of its text."""
        now = time.time_ns() // 1_000_000
        # The rounds are told apart by what follows the canary's name.
        event = {**event, "event_id": f"{event['event_id']}/{now}", "timestamp": now, "embedding": packed(embedding)}
        self._send(self.predictions, event["event_id"], event)

    def close(self, seconds=30):
        """Waits until all is delivered; gives how many events were not."""
        return self.producer.flush(seconds) + self.failed

    def _send(self, topic, key, event):
        value = json.dumps({name: of for name, of in event.items() if of is not None})
        while True:
            try:
                self.producer.produce(topic, value, key, headers=JSON_HEADER, on_delivery=self._delivered)
                break
            except BufferError:  # The queue is full: the broker is slower than the service.
                self.producer.poll(0.1)
        self.producer.poll(0)

    def _delivered(self, error, message):
        if error is not None:
            self.failed += 1
            print(f"not delivered to {message.topic()}: {error}", file=sys.stderr)


def packed(embedding):
    """Base64 of little-endian float32: a third of the size of JSON numbers."""
    return base64.b64encode(struct.pack(f"<{len(embedding)}f", *embedding)).decode()


def encode(text, width):
    """In the place of your encoder: words, hashed. Call the one that production answers with."""
    vector = [0.0] * width
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        vector[digest[0] % width] += 1.0 if digest[1] % 2 else -1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main():
    parser = argparse.ArgumentParser(description="Send recorded requests as a service would.")
    parser.add_argument("--brokers", default="127.0.0.1:9092")
    parser.add_argument("--requests", required=True, help="answers as JSON lines; one with a `label` is labelled as well")
    parser.add_argument("--canaries", help="what `bellwether reference canaries` printed")
    parser.add_argument("--predictions-topic", default="predictions")
    parser.add_argument("--labels-topic", default="labels")
    arguments = parser.parse_args()

    requests = rows(arguments.requests)
    reporter = Reporter(arguments.brokers, arguments.predictions_topic, arguments.labels_topic)
    for request in requests:
        label = request.pop("label", None)
        reporter.predicted(**request)
        if label is not None:
            recorded = {name: request[name] for name in ["timestamp"] if name in request}
            reporter.labelled(request["event_id"], label, **recorded)
    canaries = rows(arguments.canaries) if arguments.canaries else []
    width = len(requests[0]["embedding"]) if requests else 384
    for canary in canaries:
        reporter.canary(canary, encode(canary["text"], width))
    lost = reporter.close()
    print(f"{len(requests)} predictions and {len(canaries)} canaries sent, {lost} lost")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
