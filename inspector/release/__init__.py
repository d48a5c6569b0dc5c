"""What leaves the program: releases, and the files that annotators take with them."""
