"""What goes wrong on the way to a channel, beside scheduling's NotDelivered."""

from scheduling.exceptions import NotDelivered


class ChannelRefused(NotDelivered):
    """Nothing can be sent on this channel until its setting is another one."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, final=True)
