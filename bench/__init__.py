"""How fast gdcore is: one table of cases, measured alone, against its peers and against the machine."""
