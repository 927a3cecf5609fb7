"""What sites on AWS cost a month at least: the fixed prices of what their programs declare."""
