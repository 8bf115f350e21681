"""What the shop's owner looks at: sales, put together in threads, and a figure that fails."""
