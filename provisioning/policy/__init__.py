"""What must hold of resources on AWS, whoever declared them: the second line behind the components."""
