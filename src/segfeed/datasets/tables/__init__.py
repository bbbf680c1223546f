"""Tables: pictures in the cells of Parquet and Arrow files, and what the columns of a table say of each sample."""
