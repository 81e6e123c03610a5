// Loops and branches: graphs inside a node, {nodes, in: leaves, out: results}, carried out forwards and backwards.
'use strict';
CGraphInterpreter.learn(function (kit) {
  function joined(arrays) {
    var r = kit.zeros(arrays.reduce(function (n, a) { return n + a.length; }, 0)), at = 0;
    arrays.forEach(function (a) { r.set(a, at); at += a.length; });
    return r;
  }
  function run(body, operands, exact) {
    var given = {};
    body['in'].forEach(function (n, j) { if (n >= 0) given[n] = Float64Array.from(operands[j]); });
    return kit.forward(body.nodes, given, exact);
  }
  function back(body, V, ups, exact) {  // upstream gradients of the results -> gradients of the leaves
    var C = [];
    body.out.forEach(function (n, j) {
      if (!body.nodes[n].w) return;
      C[n] = C[n] ? C[n].map(function (v, k) { return v + ups[j][k]; }) : Float64Array.from(ups[j]);
    });
    kit.reverse(body.nodes, V, C, exact);
    return body['in'].map(function (n, j) { return n >= 0 && C[n] || kit.zeros(body.sizes[j]); });
  }
  function cut(node, u, sizes) { var at = 0; return sizes.map(function (n) { at += n; return u.subarray(at - n, at); }); }
  // Asked operand by operand, computed once: `key` is what the result depends on.
  function once(node, key, compute) {
    if (!node.kept || node.kept.key.length !== key.length || node.kept.key.some(function (a, k) { return a !== key[k]; })) node.kept = { key: key, found: compute() };
    return node.kept.found;
  }
  function steps(node, x, exact) {  // the values of every step, first to last as they are carried out
    var body = node.bodies[0], carry = x.slice(0, node.c), found = [], t;
    for (t = 0; t < node.l; t++) {
      var at = node.r ? node.l - 1 - t : t, V = run(body, carry.concat(x.slice(node.c).map(function (a, j) {
        var n = body.sizes[node.c + j];
        return j < node.y ? a.subarray(at * n, (at + 1) * n) : a;
      })), exact);
      found.push(V);
      carry = body.out.slice(0, node.c).map(function (n) { return V[n]; });
    }
    return { values: found, carry: carry };
  }
  return {
    scan: {
      value: function (node, x, shapes, exact) {
        var body = node.bodies[0], all = steps(node, x, exact), outs = body.out.slice(node.c).map(function (n) {
          var stacked = all.values.map(function (V) { return V[n]; });
          return joined(node.r ? stacked.reverse() : stacked);
        });
        return joined(all.carry.concat(outs));
      },
      vjp: function (node, i, u, out, x, shapes, exact) {
        return once(node, [u].concat(x), function () {
          var body = node.bodies[0], all = steps(node, x, exact).values, c = node.c, t, sizes = body.out.map(function (n, j) { return kit.size(body.nodes[n].s) * (j < c ? 1 : node.l); });
          var ups = cut(node, u, sizes), state = ups.slice(0, c), found = x.map(function (a) { return kit.zeros(a.length); });
          for (t = node.l - 1; t >= 0; t--) {
            var at = node.r ? node.l - 1 - t : t, g = back(body, all[t], state.concat(ups.slice(c).map(function (a) {
              var n = a.length / node.l;
              return a.subarray(at * n, (at + 1) * n);
            })), exact);
            state = g.slice(0, c);
            g.slice(c).forEach(function (v, j) {
              if (j < node.y) found[c + j].set(v, at * v.length);
              else v.forEach(function (w, k) { found[c + j][k] += w; });
            });
          }
          state.forEach(function (v, j) { found[j] = v; });
          return found;
        })[i].slice();
      }
    },
    cond: {
      value: function (node, x, shapes, exact) {
        var body = node.bodies[x[0][0] ? 1 : 0], V = run(body, x.slice(1), exact);
        return joined(body.out.map(function (n) { return V[n]; }));
      },
      vjp: function (node, i, u, out, x, shapes, exact) {
        if (!i) return kit.zeros(x[0].length);
        return once(node, [u].concat(x), function () {
          var body = node.bodies[x[0][0] ? 1 : 0];
          return back(body, run(body, x.slice(1), exact), cut(node, u, body.out.map(function (n) { return kit.size(body.nodes[n].s); })), exact);
        })[i - 1].slice();
      }
    }
  };
});
