/** For tests that run without a page: what the policy's code asks of nodes is looked up when it is loaded. */
class Nothing {}
Object.assign(globalThis, { Node: Nothing, Element: Nothing });
