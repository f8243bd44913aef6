//! What the door does, watched with real connections.
