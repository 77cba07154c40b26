package main

// refusedShapes are the shapes that cannot work, with the words by which they are refused.
var refusedShapes = map[string]string{}
