"""The REST door: routers that parse a request, call one verb of `store`, and tell what came of it."""
