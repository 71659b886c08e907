"""A Kubernetes cluster on this machine: kind where Docker answers, plain processes elsewhere."""
