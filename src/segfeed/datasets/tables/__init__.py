"""Tables: pictures in the cells of Parquet and Arrow files."""
