"""The outside services on loopback, with invented data, for the demo and for the tests of the clients."""
