"""A loopback Trakt and TMDB with invented data, for the demo and for the tests of the clients."""
