//! A TCP proxy that cuts, delays, hangs, or drops the answer after the server applied the request.
