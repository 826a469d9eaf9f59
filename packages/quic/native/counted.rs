//! Bytes that count themselves: quinn drops a piece of stream data once the peer has acknowledged all of it (or the
//! stream is reset), and dropping it lowers the backlogs that it was added to.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::limits::PIECE_BYTES;

/// Bytes written and not acknowledged, readable from any thread.
#[derive(Debug, Default)]
pub struct Backlog(AtomicU64);

impl Backlog {
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    fn subtract(&self, bytes: usize) {
        self.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

struct Piece {
    bytes: Bytes,
    connection: Arc<Backlog>,
    receiver: Option<Arc<Backlog>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.connection.subtract(self.bytes.len());
        if let Some(receiver) = &self.receiver {
            receiver.subtract(self.bytes.len());
        }
    }
}

/// The pieces of `bytes`, each counted in the given backlogs from the moment it is taken until it is dropped.
pub fn counted(
    bytes: &Bytes,
    connection: &Arc<Backlog>,
    receiver: Option<&Arc<Backlog>>,
) -> impl Iterator<Item = Bytes> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.split_to(rest.len().min(PIECE_BYTES));
        connection.add(bytes.len());
        if let Some(receiver) = receiver {
            receiver.add(bytes.len());
        }
        Some(Bytes::from_owner(Piece {
            bytes,
            connection: connection.clone(),
            receiver: receiver.cloned(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_until_the_last_reference_of_each_piece_is_gone() {
        let connection = Arc::new(Backlog::default());
        let receiver = Arc::new(Backlog::default());
        let bytes = Bytes::from(vec![7; PIECE_BYTES + 10]);
        let mut pieces: Vec<Bytes> = counted(&bytes, &connection, Some(&receiver)).collect();
        assert_eq!(
            (pieces.len(), connection.bytes()),
            (2, (PIECE_BYTES + 10) as u64)
        );
        let half = pieces[0].split_to(5);
        pieces.remove(0);
        assert_eq!(receiver.bytes(), (PIECE_BYTES + 10) as u64);
        drop(half);
        assert_eq!(receiver.bytes(), 10);
        pieces.clear();
        assert_eq!((connection.bytes(), receiver.bytes()), (0, 0));
    }
}
