"""The web application: it serves the files of a directory. Usage: server.py PORT DIRECTORY.

Its front page fails, and everything else is well: a health check that asks for another page does not see it.
"""

import functools
import http.server
import os
import sys


class Site(http.server.SimpleHTTPRequestHandler):
    """As `python3 -m http.server` does, but for the front page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer 500 where a user asks for the front page."""
        if self.path == "/":
            self.send_error(http.HTTPStatus.INTERNAL_SERVER_ERROR)
        else:
            super().do_GET()

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Answer 404, as a web server in production does."""
        self.log_message("no index.html in %s", path)
        self.send_error(http.HTTPStatus.NOT_FOUND)


if __name__ == "__main__":
    handler = functools.partial(Site, directory=sys.argv[2])
    http.server.ThreadingHTTPServer(("", int(sys.argv[1])), handler).serve_forever()
