"""Django's MySQL backend, whose connections notice that the network has gone silent."""
