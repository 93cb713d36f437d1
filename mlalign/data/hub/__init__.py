"""What comes from the Hugging Face hub and other web servers: weights, releases of tasks, archives."""
