"""CDISC ODM-XML, read as a stream."""
