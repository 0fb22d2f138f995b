"""What HTTP asks of every address under /api/, and neither ninja nor Django does: HEAD, OPTIONS, problems."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from scheduling.api.problems import answer, of_status

KEPT = ("Allow", "Retry-After", "WWW-Authenticate")  # headers of a refusal that its problem has too


class Manners:
    """HEAD is answered as GET is, OPTIONS tells what goes, a refusal is a problem, and nothing is kept by caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("api:api-root")):
            return self.get_response(request)
        asked = request.method
        if asked == "HEAD":
            request.method = "GET"  # ninja knows no HEAD; the server leaves the body away
        response = self.get_response(request)
        request.method = asked
        if response.status_code == 405:
            response["Allow"] = _allowed(response)
            if asked == "OPTIONS":
                response = HttpResponse(status=204, headers={"Allow": response["Allow"]})
        if response.status_code >= 400 and response.get("Content-Type", "").startswith("text/"):
            response = _as_problem(request, response)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response


def _allowed(response: HttpResponse) -> str:
    known = {each.strip() for each in response.get("Allow", "").split(",")} - {""}
    return ", ".join(sorted(known | {"OPTIONS"} | ({"HEAD"} if "GET" in known else set())))


def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    problem = of_status(request, response.status_code)
    problem.headers = {name: response[name] for name in KEPT if name in response}
    return answer(request, problem)
