"""What the doors of this workload have in common: businesses as the person who asks may see them."""

from django.http import HttpRequest

from scheduling.api.problems import Problem, missing
from tasks.social.models import Business


def found(request: HttpRequest, business_id: int) -> Business:
    """Raises Problem, the same for a business of others as for one that there is not."""
    business = Business.objects.seen_by(request.user).filter(pk=business_id).first()
    if business is None:
        raise no_business(business_id)
    return business


def no_business(business_id: int) -> Problem:
    return missing(f"There is no business {business_id}; /api/v1/analytics/businesses has them all.")
