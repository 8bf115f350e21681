"""What the end-to-end tests are made with: projects, processes, traffic, and the accounting check.

Everything a test starts is ended by its process id when the test is over, also when it failed.
"""
