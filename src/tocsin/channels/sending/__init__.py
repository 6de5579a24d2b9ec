"""What channels share; a channel imports this, never another channel."""
