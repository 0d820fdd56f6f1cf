"""Telling a group's subscribers: the message in CodeDeploy's own form, and its way to a file, a webhook or a topic.

The core decides what is told (`Notify`). A `Post` watches a run as an observer does, makes a message of every decision
to which a trigger is subscribed, and puts it into the outbox of the trigger's target. An outbox is a thread beside the
run: it delivers in order, one message at a time, and tries again what fails for a while. Nothing that happens there
slows the run or changes what becomes of it.
"""

from simulator.control.notifications.message import VIRTUAL_EPOCH_S, Message
from simulator.control.notifications.post import Post
from simulator.control.notifications.receiver import NotificationError

__all__ = ["VIRTUAL_EPOCH_S", "Message", "NotificationError", "Post"]
