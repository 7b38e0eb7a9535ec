//! Images: the OCI distribution API and OCI image layouts.
