//! One retry policy for HTTP that knows what may be repeated.
