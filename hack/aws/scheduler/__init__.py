"""What EventBridge Scheduler checks, delays and does beyond the emulator."""
