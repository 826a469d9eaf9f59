//! The native half of @higgins/netlink.
