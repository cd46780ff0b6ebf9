"""What runs Millrace on one machine: embedded broker and Redis, child processes, the demo, `millrace up`."""
