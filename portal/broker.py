"""Celery's client for Redis, but for one flaw of it: a worker that the broker left with its hands full takes nothing ever again.

A worker takes as many messages as it has threads. One that it could not tell the broker to be done with, because
the broker was away just then, would count as being at work for good; with as many of them as threads the worker is
deaf, and it does not even notice that its connection is gone. Here such a message is done with all the same: the
broker lost it, or gives it out again, and to do it twice is to do it once.
"""

from collections.abc import Callable

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """What a worker has taken and not yet given back."""

    def ack(self, delivery_tag: str) -> None:
        self._or_forget(delivery_tag, lambda: super(QoS, self).ack(delivery_tag))

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's own signature
        self._or_forget(delivery_tag, lambda: super(QoS, self).reject(delivery_tag, requeue=requeue))

    def _or_forget(self, delivery_tag: str, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


redis.Channel.QoS = QoS  # kombu has no setting for it
