"""The default source of books: LibriVox for the catalogue, the Internet Archive for popularity and files."""


class LibriVox: ...
