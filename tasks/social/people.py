"""Who belongs to which business: members see and steer what is their business's own, and nothing else."""

from scheduling.tenants import Person
from tasks.social.models import Member
from tasks.social.models.businesses import tenant_of

PERMISSIONS = {  # those whose doors look at tenants
    "social.view_business",
    "social.change_business",
    "social.sync_business",
    "social.schedule_business",
    "social.add_account",
    "social.view_account",
    "social.change_account",
    "social.delete_account",
    "social.view_post",
    "social.view_sync",
}


def tenants_of(user: Person) -> frozenset[str] | None:
    """The businesses of a member, as tenants; none at all of one who has lost the last. None for all others."""
    own = list(Member.objects.filter(pk=user.pk).values_list("businesses", flat=True))  # a None if there is none
    return frozenset(tenant_of(number) for number in own if number) if own else None
