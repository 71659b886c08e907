"""The operator: decides purely, acts through the cluster port."""
