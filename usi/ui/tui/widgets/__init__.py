"""What is shown. Widgets know neither the peer nor a screen: they are given facts, and post messages."""
