"""The OpenAPI document: what each operation needs and may answer, told in one place; and nothing else is taken."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation
from ninja.params.models import QueryModel

from scheduling.api.auth import LoginAuth, TokenAuth
from scheduling.api.keys import HEADER as KEY
from scheduling.api.keys import REPLAYED
from scheduling.api.parsing import unknown_parameters
from scheduling.api.problems import CONTENT_TYPE, ProblemSchema

NAMES = {TokenAuth.__name__: "token", LoginAuth.__name__: "login"}  # of the ways to come in
ALWAYS = {
    401: "Nobody is known: no token that counts, and no login.",
    403: "The user lacks the permission, the token its scope, or the login its CSRF token.",
    429: "Too many requests; Retry-After has the seconds to wait.",
    503: "The database is away; nothing was changed, and Retry-After says when to try again.",
}
WITH_INPUT = {422: "Something is not as it must be; `errors` names the fields and the cures."}
WITH_PATH = {404: "There is no such thing."}
WITH_BODY = {400: "The body is no JSON.", 413: "The body is too big."}
HEADERS = {  # what each says, and its type
    "ETag": ("The version of it: send it as If-Match with a change, or as If-None-Match.", "string"),
    "Location": ("The address of what was made.", "string"),
    "Idempotent-Replayed": ("`true`: an earlier request with this key has queued it.", "string"),
    "Retry-After": ("Seconds to wait.", "integer"),
    "Link": ('Of plain text: the rest of the log, `rel="next"`; without it this was the end.', "string"),
    "WWW-Authenticate": ("How to come in (RFC 6750), or the scope that the token lacks.", "string"),
}
ALWAYS_WITH = {201: ("Location",), 401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
AT_TIMES_WITH = {403: ("WWW-Authenticate",)}
TAGGED = {"JobSchema", "Skipped", "CalendarSchema"}  # answers that have an ETag


class DescribedAPI(NinjaAPI):
    """NinjaAPI whose document keeps to OpenAPI 3.1, and tells permissions, scopes and problems of each operation."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._described: dict[str, OpenAPISchema] = {}  # by the address under which it is mounted
        self._parameters: dict[tuple[str, str], set[str]] = {}  # of the query, by method and address

    def operations(self) -> Iterator[tuple[str, str, Operation]]:
        """Method, address and operation of all that can be asked for."""
        root = self.get_root_path({}).rstrip("/")
        for bound in self._get_bound_routers():
            for path, view in bound.path_operations.items():
                address = "/".join(part.strip("/") for part in (bound.prefix, path) if part.strip("/"))
                for operation in view.operations:
                    for method in operation.methods:
                        yield method, f"{root}/{address}", operation

    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Ninja asks for it once a request is let in, and before it reads what the request says; raises Problem."""
        if request.resolver_match is not None:
            route = request.resolver_match.route.replace("<", "{").replace(">", "}")
            unknown_parameters(request.GET, self._known_parameters((str(request.method), f"/{route}")))
        return super().create_temporal_response(request)

    def _known_parameters(self, asked: tuple[str, str]) -> set[str]:
        if not self._parameters:
            self._parameters = {(method, address): _query(each) for method, address, each in self.operations()}
        return self._parameters[asked]

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        root = path_prefix if path_prefix is not None else self.get_root_path(path_params or {})
        if root not in self._described:  # it takes longer than any other answer, and does not change
            self._described[root] = self._describe(root)
        return self._described[root]

    def _describe(self, root: str) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=root)
        known = {
            operation.operation_id or self.get_openapi_operation_id(operation): operation
            for _, _, operation in self.operations()
        }
        for methods in schema["paths"].values():
            for told in {id(told): told for told in methods.values()}.values():
                _tell(told, known[told["operationId"]])
        components = schema["components"]
        components["schemas"] |= _problem_schemas()
        ways = components.get("securitySchemes", {})
        components["securitySchemes"] = {NAMES.get(name, name): way for name, way in ways.items()}
        return schema


def guards(operation: Operation) -> TokenAuth | None:
    """What `operation` asks of a token: its permissions and its scope; None if it is open."""
    return next((each for each in operation.auth_callbacks if isinstance(each, TokenAuth)), None)


def _query(operation: Operation) -> set[str]:
    """The names of the parameters that `operation` takes in the query."""
    models = [each for each in operation.models if issubclass(each, QueryModel)]
    return {name for model in models for name in model.__ninja_flatten_map__}


def _tell(told: dict[str, Any], operation: Operation) -> None:
    for parameter in told["parameters"]:
        examples = parameter.pop("examples", None)  # ninja's list is none of OpenAPI's maps
        if examples:
            parameter["example"] = examples[0]
    guard = guards(operation)
    if guard is not None:
        needed = " and ".join(f"`{each}`" for each in guard.permissions)
        rule = f"Needs {'the permission ' + needed if needed else 'no permission'}; a token, the scope `{guard.scope}`."
        told["description"] = f"{told.get('description', '')}\n\n{rule}".strip()
        told["security"] = [{"token": [str(guard.scope)]}, {"login": []}]
    _tell_problems(told)
    for status, response in told["responses"].items():
        always = {*ALWAYS_WITH.get(int(status), ()), *_own_headers(told, int(status), response)}
        named = dict.fromkeys(AT_TIMES_WITH.get(int(status), ()), False) | dict.fromkeys(sorted(always), True)
        if "text/plain" in response.get("content", {}):
            named["Link"] = False
        if named:
            response["headers"] = {name: _header(name, required=required) for name, required in named.items()}


def _own_headers(told: dict[str, Any], status: int, response: dict[str, Any]) -> Iterator[str]:
    """Those that come with what the operation gives, or with a key that it takes."""
    shape = response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    if status == 304 or shape.rpartition("/")[2] in TAGGED:
        yield "ETag"
    if status == 200 and any(parameter["name"] == KEY for parameter in told["parameters"]):
        yield from ("Location", REPLAYED)


def _header(name: str, *, required: bool) -> dict[str, Any]:
    words, kind = HEADERS[name]
    return {"description": words, "required": required, "schema": {"type": kind}}


def _tell_problems(told: dict[str, Any]) -> None:
    """Every problem by its media type, those that the operation has named itself among them."""
    body = {CONTENT_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(model=ProblemSchema.__name__)}}}
    expected = dict(ALWAYS)
    if told["parameters"] or "requestBody" in told:
        expected |= WITH_INPUT
    if any(parameter["in"] == "path" for parameter in told["parameters"]):
        expected |= WITH_PATH
    if "requestBody" in told:
        expected |= WITH_BODY
    for status, words in expected.items():
        told["responses"].setdefault(status, {"description": words})
    for status, response in told["responses"].items():
        if int(status) >= 400:
            response["description"] = expected.get(int(status), response["description"])
            response["content"] = body


def _problem_schemas() -> dict[str, Any]:
    whole = ProblemSchema.model_json_schema(ref_template=REF_TEMPLATE, mode="serialization")
    return {**whole.pop("$defs", {}), ProblemSchema.__name__: whole}
