"""Two servers for packaging/in-debian.sh, both on 127.0.0.1: https on port 8443, which answers 404
and notes what it was asked, and DNS on port 53, which knows one name."""

import http.server
import socketserver
import ssl
import struct
import sys
import threading

CERTIFICATE, KEY, LOG = sys.argv[1:]
NAME = b"\x03dns\x04test\x00"


class Https(http.server.BaseHTTPRequestHandler):
    def answer(self):
        with open(LOG, "a", encoding="ascii") as log:
            log.write(f"{self.command} {self.path}\n")
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_args):
        pass


class Dns(socketserver.BaseRequestHandler):
    def handle(self):
        query, socket = self.request
        question = query[12 : query.index(b"\x00", 12) + 5]
        known = question[:-4].lower() == NAME
        ipv4 = question[-4:-2] == b"\x00\x01"
        records = 1 if known and ipv4 else 0
        header = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, records, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
        socket.sendto(header + question + record * records, self.client_address)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
https = http.server.ThreadingHTTPServer(("127.0.0.1", 8443), Https)
https.socket = context.wrap_socket(https.socket, server_side=True)
dns = socketserver.UDPServer(("127.0.0.1", 53), Dns)
threading.Thread(target=dns.serve_forever, daemon=True).start()
# Its presence says that both listen.
open(LOG, "w", encoding="ascii").close()
https.serve_forever()
