"""Customers, orders, and all that decides what an order costs and whether it can be had."""
