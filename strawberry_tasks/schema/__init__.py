"""The GraphQL face of tasks: types, fields, and the schema that brings them."""
