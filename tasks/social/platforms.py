"""Which client speaks to which platform."""

from tasks.http import Deadline
from tasks.social.asking import Api
from tasks.social.conf import Options
from tasks.social.facebook import Facebook
from tasks.social.instagram import Instagram
from tasks.social.linkedin import LinkedIn
from tasks.social.models import Account, Platform
from tasks.social.refused import Report, Wanted
from tasks.social.tokens import Clock
from tasks.social.x import X


def connect(account: Account, options: Options, deadline: Deadline, clock: Clock, report: Report) -> Api:
    """The platform, as this account sees it. Raises InvalidItem for an id that cannot be one of its accounts."""
    wanted = Wanted(account.platform, options.meta_version, report)
    match account.platform:
        case Platform.LINKEDIN:
            return LinkedIn(account, options, deadline, clock)
        case Platform.X:
            return X(account, options, deadline, clock)
        case Platform.FACEBOOK:
            return Facebook(account, options, deadline, clock, wanted)
        case _:
            return Instagram(account, options, deadline, clock, wanted)
