//! The native half of @higgins/quic.
