package statepb

import (
	"context"
	"os"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// state.pb.go is what state.proto gives with the protobuf version of go.mod. HOOP_UPDATE=1 generates it.
func TestGeneratedCodeIsUpToDate(t *testing.T) {
	// The name is from the repository's root: in a process no two .proto files may have the same one.
	const name = "collector/state/statepb/state.proto"
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{"../../.."}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{name},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{protoutil.ProtoFromFileDescriptor(files[0])},
	})
	if err != nil {
		t.Fatal(err)
	}
	internal_gengo.GenerateFile(plugin, plugin.Files[0])
	generated := plugin.Response()
	if generated.Error != nil {
		t.Fatal(*generated.Error)
	}
	want := generated.File[0].GetContent()
	if os.Getenv("HOOP_UPDATE") != "" {
		if err := os.WriteFile("state.pb.go", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("state.pb.go"); err != nil || string(got) != want {
		t.Errorf("state.pb.go is not what state.proto gives (%v): run make proto", err)
	}
}
