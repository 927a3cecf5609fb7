"""What several tests share: clocks, waiting, real servers. Holds no test."""
