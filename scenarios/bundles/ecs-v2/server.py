"""The web application: it serves the files of a directory. Usage: server.py PORT DIRECTORY."""

import functools
import http.server
import os
import sys


class Site(http.server.SimpleHTTPRequestHandler):
    """As `python3 -m http.server` does, but a directory without an index.html is a 404, not a listing."""

    protocol_version = "HTTP/1.1"

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Answer 404, as a web server in production does."""
        self.log_message("no index.html in %s", path)
        self.send_error(http.HTTPStatus.NOT_FOUND)


if __name__ == "__main__":
    handler = functools.partial(Site, directory=sys.argv[2])
    http.server.ThreadingHTTPServer(("", int(sys.argv[1])), handler).serve_forever()
