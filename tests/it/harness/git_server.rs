//! `git http-backend` behind a small HTTP server.
