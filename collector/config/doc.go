// Package config is what an operator says about gateways: in flags for one, in a file for many. One table of settings serves both. What
// comes out was validated, since nothing else can make a [Config].
package config
